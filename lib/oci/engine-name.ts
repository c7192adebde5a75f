/** Whether a source lies in the store of a container engine. */
export function isEngineImage(source: string): boolean {
  return /^(?:containers-storage|docker-daemon):/.test(source);
}
