/**
 * The name of a service as a host may be called: grpc-js puts it into a URL, which refuses what Go would send, a slash that is
 * escaped. What makes no name of a host at all, such as one that ends like an IPv4 address, becomes `localhost`, as
 * grpc-js's own targets without a host do.
 */
export function authorityOf(service: string): string {
  const name = service.replace(/[^A-Za-z0-9._-]+/g, "-");
  return URL.canParse(`http://${name}`) ? name : "localhost";
}
