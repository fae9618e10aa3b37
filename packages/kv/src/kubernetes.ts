/**
 * The few operations that Kubernetes needs of etcd: reads with the revision they are of, lists in pages, and writes that
 * succeed only while an object is unchanged.
 *
 * @packageDocumentation
 */
export {
  createKubernetesClient,
  type KubernetesClient,
  type KubernetesGetOptions,
  type KubernetesGetResult,
  type KubernetesListOptions,
  type KubernetesListResult,
  type OptimisticDeleteOptions,
  type OptimisticPutOptions,
  type OptimisticResult,
} from "./kubernetes/kubernetes-client.js";
