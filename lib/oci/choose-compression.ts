import { formatSize } from "../size.ts";

/** How fast one core compresses (bytes of the layer a second), and to which share of the size. */
export interface CompressionRate {
  readonly bytesPerSecond: number;
  readonly ratio: number;
}

/** What is to be sent, and what was measured with its beginning. */
export interface CompressionCase {
  /** Sizes of the layers in bytes, as they are. */
  readonly layerBytes: readonly number[];
  /** Layers compressed at a time, no more than there are cores. */
  readonly lanes: number;
  readonly compress: CompressionRate;
  readonly linkBytesPerSecond: number;
  /** The registry stores with the cores that compress. */
  readonly isSameMachine: boolean;
}

export interface CompressionChoice {
  readonly method: "none" | "zstd";
  /** The figures, as the end of a sentence. */
  readonly reason: string;
}

/** Takes what ends sooner: layers as they are, or compressed on their way. */
export function chooseCompression(measured: CompressionCase): CompressionChoice {
  const { compress, linkBytesPerSecond } = measured;
  const plainSeconds = sum(measured.layerBytes) / linkBytesPerSecond;
  const method = compressedSeconds(measured) < plainSeconds ? "zstd" : "none";
  const reason = `the link takes ${formatSize(Math.round(linkBytesPerSecond))}/s, one core compresses ${formatSize(Math.round(compress.bytesPerSecond))}/s to ${Math.round(compress.ratio * 100)} %`;
  return { method, reason };
}

// Both go on at once, so that the slower one counts; on one machine they take each other's time.
function compressedSeconds({
  layerBytes,
  lanes,
  compress,
  linkBytesPerSecond,
  isSameMachine,
}: CompressionCase): number {
  const total = sum(layerBytes);
  const sendSeconds = (total * compress.ratio) / linkBytesPerSecond;
  if (isSameMachine) return total / compress.bytesPerSecond + sendSeconds;
  // One layer is one stream, which a second core does not help.
  const longest = Math.max(total / lanes, ...layerBytes);
  return Math.max(longest / compress.bytesPerSecond, sendSeconds);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
