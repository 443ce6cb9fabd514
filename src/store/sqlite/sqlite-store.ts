import type { Fault, WriteName } from "../../core/faults.ts";
import type * as model from "../../core/task.ts";
import type { Deliveries } from "../deliveries.ts";
import type { EditChange } from "../edit-change.ts";
import type { Inbox } from "../inbox.ts";
import type { View } from "../queue-view.ts";
import type { Schedules } from "../schedules.ts";
import type {
  Artifact,
  Change,
  EndedTask,
  ListQuery,
  NewCheckpoint,
  Patch,
  QueueChange,
  Seed,
  Store,
  UpdateOptions,
} from "../store.ts";
import type { Access } from "./access.ts";
import { answer } from "./answer.ts";
import * as attempts from "./attempts.ts";
import * as checkpoints from "./checkpoints.ts";
import { Context } from "./context.ts";
import { deliveriesOver } from "./deliveries.ts";
import { edit } from "./edit.ts";
import * as events from "./events.ts";
import type { Database } from "./file/driver.ts";
import { GroupCommit, storeError } from "./group-commit.ts";
import { inboxOver } from "./inbox.ts";
import * as journal from "./journal.ts";
import * as moves from "./moves.ts";
import { QueueRoom } from "./queue-room.ts";
import * as queues from "./queues.ts";
import * as reading from "./reading.ts";
import { schedulesOver } from "./schedules.ts";
import { due, snapshot } from "./snapshot.ts";

/** {@link Store} over one SQLite file. */
export class SqliteStore implements Store {
  readonly #ctx: Context;
  readonly #commits: GroupCommit;
  readonly #keep: () => number;
  readonly #room: QueueRoom;
  readonly deliveries: Deliveries;
  readonly schedules: Schedules;
  readonly inbox: Inbox;
  #listeners: ((events: readonly model.TaskEvent[]) => void)[] = [];

  constructor(
    db: Database,
    options: { fault: Fault; keepCheckpoints: () => number; maxOpen?: () => number },
  ) {
    this.#room = new QueueRoom(options.maxOpen ?? (() => Number.POSITIVE_INFINITY));
    this.#ctx = new Context(db);
    this.#keep = options.keepCheckpoints;
    const access: Access = { read: (run) => this.#read(run), write: (name, run) => this.#write(name, run) };
    this.deliveries = deliveriesOver(this.#ctx, access);
    this.schedules = schedulesOver(this.#ctx, access);
    this.inbox = inboxOver(this.#ctx, access);
    this.#commits = new GroupCommit(db, {
      fault: options.fault,
      committed: () => this.#publish(),
      refused: () => {
        this.#ctx.news = [];
      },
    });
  }

  create(seeds: Seed[]) {
    const make = () => seeds.map((seed) => moves.create(this.#ctx, seed, this.#room));
    return seeds.some(({ paused }) => paused) ? this.#write("import", make) : this.#write("create", make);
  }

  apply(change: Change) {
    return this.#write(change.transition, () => moves.move(this.#ctx, change));
  }

  applyAll(changes: Change[]) {
    return this.#write(changes[0]?.transition ?? "update", () =>
      changes.map((c) => moves.move(this.#ctx, c)),
    );
  }

  edit(change: EditChange) {
    return this.#write("update", () => edit(this.#ctx, change, this.#room));
  }

  update(id: number, patch: Patch, options: UpdateOptions = {}) {
    return this.#write("update", () => moves.update(this.#ctx, id, patch, options));
  }

  intend(intents: Parameters<Store["intend"]>[0], hold?: Parameters<Store["intend"]>[1]) {
    return this.#write("intend", () => {
      for (const each of intents) attempts.intend(this.#ctx, each);
      if (hold) queues.holdFor(this.#ctx, hold);
    });
  }

  find(ref: string | number | { key: string }) {
    return this.#read(() => reading.findAgain(this.#ctx, ref));
  }

  get(id: number) {
    return this.find(id);
  }

  list(query: ListQuery) {
    return this.#read(() => reading.list(this.#ctx, query));
  }

  unfinished(afterId: number, limit: number) {
    return this.#read(() => reading.unfinished(this.#ctx, afterId, limit));
  }

  ended(after: EndedTask | null, limit: number) {
    return this.#read(() => reading.ended(this.#ctx, after, limit));
  }

  has(ref: number | { key: string }) {
    return this.#read(() => reading.has(this.#ctx, ref));
  }

  counts() {
    return this.#read(() => reading.counts(this.#ctx));
  }

  snapshot(view: View) {
    return this.#read(() => snapshot(this.#ctx, view));
  }

  occupancy() {
    return this.#read(() => queues.occupancy(this.#ctx));
  }

  due(now: number) {
    return this.#read(() => due(this.#ctx, now));
  }

  attempts(id: number) {
    return this.#read(() => attempts.ofTask(this.#ctx, id));
  }

  attemptOf(token: string) {
    return this.#read(() => attempts.byToken(this.#ctx, token));
  }

  noteAttempt(id: number, n: number, facts: attempts.Facts) {
    return this.#write("note-attempt", () => attempts.note(this.#ctx, id, n, facts));
  }

  saveResult(token: string, result: NonNullable<model.Attempt["result"]>, unused: model.StepName[] = []) {
    return this.#write("result", () => attempts.saveResult(this.#ctx, this.#ctx.live(token), result, unused));
  }

  saveCheckpoint(token: string, checkpoint: NewCheckpoint) {
    return this.#write("checkpoint", () =>
      checkpoints.save(this.#ctx, this.#ctx.live(token), checkpoint, this.#keep()),
    );
  }

  checkpoints(id: number) {
    return this.#read(() => checkpoints.list(this.#ctx, id));
  }

  checkpointData(id: number, seq: number) {
    return this.#read(() => checkpoints.data(this.#ctx, id, seq));
  }

  acknowledge(token: string, step: Omit<model.Step, "position" | "attempt">) {
    return this.#write("step", () => journal.acknowledge(this.#ctx, this.#ctx.live(token), step));
  }

  acknowledgeAll(token: string, steps: readonly Omit<model.Step, "position" | "attempt">[]) {
    return this.#write("steps", () => journal.acknowledgeAll(this.#ctx, this.#ctx.live(token), steps));
  }

  keep(token: string, kept: model.Kept) {
    return this.#write("keep", () => journal.keep(this.#ctx, this.#ctx.live(token), kept));
  }

  kept(id: number) {
    return this.#read(() => journal.kept(this.#ctx, id));
  }

  journal(id: number) {
    return this.#read(() => journal.journal(this.#ctx, id));
  }

  journalPart(id: number, part: Parameters<Store["journalPart"]>[1]) {
    return this.#read(() => journal.journalPart(this.#ctx, id, part));
  }

  requireJournal(id: number, upTo?: number) {
    return this.#read(() => journal.requireWhole(this.#ctx, id, upTo));
  }

  stepsOf(id: number) {
    return this.#read(() => journal.stepsOf(this.#ctx, id));
  }

  takeMessages(token: string, key: (model.StepKey & { call: number; alone: boolean }) | null, at: number) {
    return this.#write("messages", () => journal.takeMessages(this.#ctx, this.#ctx.live(token), key, at));
  }

  openQuestion(token: string, question: model.Question) {
    return this.#write("question", () => journal.openQuestion(this.#ctx, this.#ctx.live(token), question));
  }

  answer(id: number, given: { text: string; at: number; actor: string }) {
    return this.#write("answer", () => answer(this.#ctx, id, given));
  }

  addArtifact(token: string, artifact: Omit<Artifact, "taskId">) {
    return this.#write("artifact", () => attempts.addArtifact(this.#ctx, this.#ctx.live(token), artifact));
  }

  artifacts(id: number) {
    return this.#read(() => reading.artifacts(this.#ctx, id));
  }

  events(query: { after: number; task?: number; limit: number }) {
    return this.#read(() => events.after(this.#ctx, query));
  }

  lastEvent() {
    return this.#read(() => events.last(this.#ctx));
  }

  onEvents(listener: (events: readonly model.TaskEvent[]) => void): void {
    this.#listeners.push(listener);
  }

  queues() {
    return this.#read(() => queues.queues(this.#ctx));
  }

  setQueue(name: string, change: QueueChange) {
    return this.#write("set-queue", () => queues.set(this.#ctx, name, change));
  }

  holdQueue(name: string, by: string | null) {
    return this.#write("hold-queue", () => queues.hold(this.#ctx, name, by));
  }

  releaseHeldBy(by: string) {
    return this.#write("release-queues", () => queues.releaseHeldBy(this.#ctx, by));
  }

  removeQueue(name: string) {
    return this.#write("remove-queue", () => queues.remove(this.#ctx, name));
  }

  delete(id: number, by: { at: number; actor: string; reason?: string | null }) {
    return this.#write("delete", () => moves.remove(this.#ctx, id, by));
  }

  unusedEnvironments(ids: readonly number[]) {
    return this.#read(() => reading.unusedEnvironments(this.#ctx, ids));
  }

  usedEnvironments() {
    return this.#read(() => reading.usedEnvironments(this.#ctx));
  }

  close(): void {
    this.#commits.flush(true);
    this.#ctx.db.close();
  }

  #write<T>(name: WriteName, run: () => T): Promise<T> {
    return this.#commits.write(name, () => {
      const before = this.#ctx.news.length;
      try {
        return run();
      } catch (error) {
        // What it wrote is undone, and was never news.
        this.#ctx.news.length = before;
        throw error;
      }
    });
  }

  async #read<T>(run: () => T): Promise<T> {
    try {
      return run();
    } catch (error) {
      throw storeError(error);
    }
  }

  #publish(): void {
    this.#ctx.last = undefined;
    const written = this.#ctx.news;
    if (written.length === 0) return;
    this.#ctx.news = [];
    for (const listener of this.#listeners) listener(written);
  }
}
