import { run } from "../../lib/action/run.ts";
import { undoSetup } from "./undo-setup.ts";

await run((host) => undoSetup(host));
