/** A remote repository in words that hold for any forge; it never carries a user name or password. */
export interface RemoteUrl {
  /** Host with its port where it is not the scheme's own. */
  readonly host: string;
  /** Path without leading slash and `.git`, such as `owner/repository`. */
  readonly path: string;
  /** Address for a browser: https, or http where the remote says so. */
  readonly url: string;
}

/** Reads a remote as git takes it: URLs of any host and scheme, and `user@host:path`. Undefined for a local path. */
export function parseRemoteUrl(remote: string): RemoteUrl | undefined {
  const text = remote.trim();
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme) return scheme === "file" ? undefined : parseWithScheme(text, scheme);
  // git's own rule for the scp-like form: a colon before the first slash.
  const scp = /^(?:[^@/:]+@)?(\[[^\]]+\]|[^/:@]+):(?!\/\/)\/?(.+)$/.exec(text);
  // One letter before the colon is a drive of Windows, not a host.
  if (!scp?.[1] || !scp[2] || /^[a-z]$/i.test(scp[1])) return undefined;
  return remoteOf("https", scp[1], scp[2]);
}

function parseWithScheme(text: string, scheme: string): RemoteUrl | undefined {
  if (!URL.canParse(text)) return undefined;
  const { hostname, host, pathname } = new URL(text);
  const web = scheme === "http" || scheme === "https";
  // The port of ssh or git says nothing about the one of the web.
  return remoteOf(scheme === "http" ? "http" : "https", web ? host : hostname, decodeURI(pathname));
}

function remoteOf(scheme: "http" | "https", host: string, rawPath: string): RemoteUrl | undefined {
  const path = rawPath
    .replace(/^\/+/, "")
    .replace(/\/+$/, "")
    .replace(/\.git$/, "");
  if (host === "" || path === "") return undefined;
  return { host: host.toLowerCase(), path, url: `${scheme}://${host.toLowerCase()}/${path}` };
}
