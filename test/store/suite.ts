/**
 * The contract of `src/store/store.ts` as tests, which every store must pass, whatever keeps its data. A backend says
 * how to open it, and how a test can simulate what happens to disks.
 */
import { describe } from "vitest";
import { attempts } from "./suite/attempts.ts";
import { checkpoints } from "./suite/checkpoints.ts";
import { committing } from "./suite/committing.ts";
import { finding } from "./suite/finding.ts";
import { journal } from "./suite/journal.ts";
import { lines } from "./suite/lines.ts";
import { moving } from "./suite/moving.ts";
import { submitting } from "./suite/submitting.ts";
import { walking } from "./suite/walking.ts";
import { type Open, storeTest } from "./world.ts";

const parts = { submitting, moving, attempts, checkpoints, journal, lines, finding, committing, walking };

/** Runs the whole contract against a backend. */
export function storeSuite(backend: string, open: Open): void {
  const it = storeTest(open);
  for (const [name, part] of Object.entries(parts)) describe(`${backend}: ${name}`, () => part(it));
}
