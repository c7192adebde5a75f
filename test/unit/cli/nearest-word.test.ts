import { expect, it } from "vitest";
import { nearestWord } from "../../../cli/nearest-word.ts";

const words = ["next-version", "build-base-image", "build-source-image", "doctor", "run"];

it.each([
  ["nxet-version", "next-version"],
  ["docter", "doctor"],
  ["build-bas-image", "build-base-image"],
  ["build-source", "build-source-image"],
  ["rnu", "run"],
  ["elephant", undefined],
])("the word nearest to %s is %s", (typed, expected) => {
  expect(nearestWord(typed, words)).toBe(expected);
});
