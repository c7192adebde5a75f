/** Whether a host (`localhost`, an address, `host:port`) is this machine: plain HTTP to it leaves no wire to listen on. */
export function isLoopback(host: string): boolean {
  const name = host.startsWith("[") ? host.slice(1, host.indexOf("]")) : host.replace(/:\d+$/, "");
  const bare = name.toLowerCase();
  return bare === "localhost" || bare.endsWith(".localhost") || /^127(?:\.\d{1,3}){3}$/.test(bare) || bare === "::1";
}

/** Whether a host is a Service by its name inside a cluster: nobody outside can have that name, and most registries there have no TLS. */
export function isClusterService(host: string): boolean {
  return /^[a-z0-9-]+\.[a-z0-9-]+\.svc(?:\.cluster\.local)?(?::\d+)?$/.test(host);
}
