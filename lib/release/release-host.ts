/** A file that was uploaded to a release. */
export interface Asset {
  readonly id: number;
  readonly name: string;
  readonly sizeBytes: number;
  /** `sha256:…` where the forge tells it. */
  readonly digest: string | undefined;
  /** False for what an interrupted upload left behind. */
  readonly complete: boolean;
  readonly url: string;
}

/** A release as the forge has it. */
export interface Release {
  readonly id: number;
  /** Page for people. */
  readonly url: string;
  readonly tag: string;
  readonly draft: boolean;
  readonly prerelease: boolean;
  /** Whether the forge refuses any further change of tag and assets. */
  readonly immutable: boolean;
  readonly body: string;
  readonly assets: readonly Asset[];
  readonly uploadUrl: string;
}

/** What a release is created or published with. */
export interface ReleaseFields {
  readonly tag: string;
  readonly name: string;
  readonly body: string;
  readonly draft: boolean;
  readonly prerelease: boolean;
  /** The commit that the forge tags, where the tag is not there yet. */
  readonly targetCommitish: string;
  readonly makeLatest: "true" | "false" | "legacy";
}

/** A local file on its way to a release. */
export interface AssetFile {
  readonly path: string;
  /** Name of the asset, as the forge will have it. */
  readonly name: string;
  readonly sizeBytes: number;
  /** `sha256:…` of the content. */
  readonly digest: string;
}

/** How an upload ended that did not make an asset. */
export type UploadFailure = "name-taken" | "retryable";

/** A forge that keeps releases: what GitHub and Gitea have in common. Every call throws DomainError. */
export interface ReleaseHost {
  readonly forge: "GitHub" | "Gitea";
  /** All releases of a tag, drafts included; there may be several drafts. */
  listReleases(tag: string): Promise<readonly Release[]>;
  getRelease(id: number): Promise<Release>;
  createRelease(fields: ReleaseFields): Promise<Release | "tag-taken">;
  updateRelease(id: number, fields: ReleaseFields): Promise<Release | "tag-taken">;
  deleteRelease(id: number): Promise<void>;
  uploadAsset(release: Release, file: AssetFile): Promise<Asset | UploadFailure>;
  deleteAsset(release: Release, asset: Asset): Promise<void>;
  /** Content of a small text asset. */
  readAsset(release: Release, asset: Asset): Promise<string>;
  /** The commit of a tag, undefined when there is no such tag. */
  findTagCommit(tag: string): Promise<string | undefined>;
  generateNotes(tag: string, targetCommitish: string, previousTag: string | undefined): Promise<string>;
  startWorkflow(workflow: string, ref: string, inputs: Readonly<Record<string, string>>): Promise<void>;
}
