// By its path: @etcdkit/testing depends on this package, and packages must not depend on each other in a circle.
export {
  type CertificateAuthority,
  createCertificateAuthority,
} from "../../../testing/src/certificate-authority.js";
