import type { WriteName } from "../../core/faults.ts";
import type * as model from "../../core/task.ts";
import type { Deliveries } from "../deliveries.ts";
import type { EditChange } from "../edit-change.ts";
import type { Inbox } from "../inbox.ts";
import type { SnapshotOptions } from "../queue-view.ts";
import type { Schedules } from "../schedules.ts";
import type {
  Change,
  EndedTask,
  ListQuery,
  NewArtifact,
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
import type { ActiveAttempt, Context, Op } from "./context.ts";
import { createAll } from "./create.ts";
import { deliveriesOver } from "./deliveries.ts";
import { edit } from "./edit.ts";
import * as events from "./events.ts";
import { inboxOver } from "./inbox.ts";
import * as journal from "./journal.ts";
import * as moves from "./moves.ts";
import * as queries from "./queries.ts";
import { QueueRoom } from "./queue-room.ts";
import * as queues from "./queues.ts";
import { schedulesOver } from "./schedules.ts";
import { due, snapshot } from "./snapshot.ts";

/** The limits that a store keeps. */
export interface StoreOptions {
  keepCheckpoints: () => number;
  maxOpen?: () => number;
}

/** {@link Store} in SQL: what it reads and writes. `Access` decides when, and in which database. */
export abstract class SqlStore implements Store {
  readonly #access: Access;
  readonly #keepCheckpoints: () => number;
  readonly #room: QueueRoom;
  readonly deliveries: Deliveries;
  readonly schedules: Schedules;
  readonly inbox: Inbox;
  #listeners: ((events: readonly model.TaskEvent[]) => void)[] = [];

  constructor(access: Access, options: StoreOptions) {
    this.#room = new QueueRoom(options.maxOpen ?? (() => Number.POSITIVE_INFINITY));
    this.#access = access;
    this.#keepCheckpoints = options.keepCheckpoints;
    this.deliveries = deliveriesOver(access);
    this.schedules = schedulesOver(access);
    this.inbox = inboxOver(access);
  }

  abstract close(): void | Promise<void>;

  create(seeds: Seed[]) {
    const make = (ctx: Context) => createAll(ctx, seeds, this.#room);
    return seeds.some(({ paused }) => paused)
      ? this.#access.write("import", make)
      : this.#access.write("create", make);
  }

  apply(change: Change) {
    return this.#access.write(change.transition, (ctx) => moves.move(ctx, change));
  }

  applyAll(changes: Change[]) {
    return this.#access.write(changes[0]?.transition ?? "update", (ctx) => moves.moveAll(ctx, changes));
  }

  edit(change: EditChange) {
    return this.#access.write("update", (ctx) => edit(ctx, change, this.#room));
  }

  update(id: number, patch: Patch, options: UpdateOptions = {}) {
    return this.#access.write("update", (ctx) => moves.update(ctx, id, patch, options));
  }

  intend(intents: Parameters<Store["intend"]>[0], hold?: Parameters<Store["intend"]>[1]) {
    return this.#access.write("intend", (ctx) => attempts.intendAll(ctx, intents, hold));
  }

  find(ref: string | number | { key: string }) {
    return this.#access.read((ctx) => queries.find(ctx, ref));
  }

  get(id: number) {
    return this.find(id);
  }

  list(query: ListQuery) {
    return this.#access.read((ctx) => queries.list(ctx, query));
  }

  unfinished(afterId: number, limit: number) {
    return this.#access.read((ctx) => queries.unfinished(ctx, afterId, limit));
  }

  waitingMessages() {
    return this.#access.read((ctx) => queries.waitingMessages(ctx));
  }

  ended(after: EndedTask | null, limit: number) {
    return this.#access.read((ctx) => queries.ended(ctx, after, limit));
  }

  has(ref: number | { key: string }) {
    return this.#access.read((ctx) => queries.has(ctx, ref));
  }

  counts() {
    return this.#access.read((ctx) => queries.counts(ctx));
  }

  snapshot(options: SnapshotOptions) {
    return this.#access.read((ctx) => snapshot(ctx, options));
  }

  occupancy() {
    return this.#access.read((ctx) => queues.occupancy(ctx));
  }

  due(now: number) {
    return this.#access.read((ctx) => due(ctx, now));
  }

  attempts(id: number) {
    return this.#access.read((ctx) => attempts.ofTask(ctx, id));
  }

  attemptOf(token: string) {
    return this.#access.read((ctx) => attempts.byToken(ctx, token));
  }

  noteAttempt(id: number, n: number, update: attempts.AttemptUpdate) {
    return this.#access.write("note-attempt", (ctx) => attempts.note(ctx, id, n, update));
  }

  saveResult(token: string, result: NonNullable<model.Attempt["result"]>, unused: model.StepName[] = []) {
    return this.#asLive("result", token, (ctx, live) => attempts.saveResult(ctx, live, result, unused));
  }

  saveCheckpoint(token: string, checkpoint: NewCheckpoint) {
    return this.#asLive("checkpoint", token, (ctx, live) =>
      checkpoints.save(ctx, live, checkpoint, this.#keepCheckpoints()),
    );
  }

  checkpoints(id: number) {
    return this.#access.read((ctx) => checkpoints.list(ctx, id));
  }

  checkpointData(id: number, seq: number) {
    return this.#access.read((ctx) => checkpoints.data(ctx, id, seq));
  }

  acknowledge(token: string, step: Omit<model.Step, "position" | "attempt">) {
    return this.#asLive("step", token, (ctx, live) => journal.acknowledge(ctx, live, step));
  }

  acknowledgeAll(token: string, steps: readonly Omit<model.Step, "position" | "attempt">[]) {
    return this.#asLive("steps", token, (ctx, live) => journal.acknowledgeAll(ctx, live, steps));
  }

  keep(token: string, kept: model.Kept) {
    return this.#asLive("keep", token, (ctx, live) => journal.keep(ctx, live, kept));
  }

  kept(id: number) {
    return this.#access.read((ctx) => journal.listKept(ctx, id));
  }

  journal(id: number) {
    return this.#access.read((ctx) => journal.journal(ctx, id));
  }

  journalPart(id: number, part: Parameters<Store["journalPart"]>[1]) {
    return this.#access.read((ctx) => journal.journalPart(ctx, id, part));
  }

  requireJournal(id: number, upTo?: number) {
    return this.#access.read((ctx) => journal.requireWhole(ctx, id, upTo));
  }

  stepsOf(id: number) {
    return this.#access.read((ctx) => journal.stepsOf(ctx, id));
  }

  takeMessages(token: string, key: (model.StepKey & { call: number; alone: boolean }) | null, at: number) {
    return this.#asLive("messages", token, (ctx, live) => journal.takeMessages(ctx, live, key, at));
  }

  openQuestion(token: string, question: model.Question) {
    return this.#asLive("question", token, (ctx, live) => journal.openQuestion(ctx, live, question));
  }

  answer(id: number, reply: { text: string; at: number; actor: string }) {
    return this.#access.write("answer", (ctx) => answer(ctx, id, reply));
  }

  addArtifact(token: string, artifact: NewArtifact) {
    return this.#asLive("artifact", token, (ctx, live) => attempts.addArtifact(ctx, live, artifact));
  }

  artifacts(id: number) {
    return this.#access.read((ctx) => queries.artifacts(ctx, id));
  }

  events(query: { after: number; task?: number; limit: number }) {
    return this.#access.read((ctx) => events.listAfter(ctx, query));
  }

  lastEvent() {
    return this.#access.read((ctx) => events.lastSeq(ctx));
  }

  onEvents(listener: (events: readonly model.TaskEvent[]) => void): void {
    this.#listeners.push(listener);
  }

  queues() {
    return this.#access.read((ctx) => queues.queues(ctx));
  }

  setQueue(name: string, change: QueueChange) {
    return this.#access.write("set-queue", (ctx) => queues.set(ctx, name, change));
  }

  holdQueue(name: string, holder: string | null) {
    return this.#access.write("hold-queue", (ctx) => queues.hold(ctx, name, holder));
  }

  releaseHeldBy(holder: string) {
    return this.#access.write("release-queues", (ctx) => queues.releaseHeldBy(ctx, holder));
  }

  removeQueue(name: string) {
    return this.#access.write("remove-queue", (ctx) => queues.remove(ctx, name));
  }

  delete(id: number, origin: { at: number; actor: string; reason?: string | null }) {
    return this.#access.write("delete", (ctx) => moves.remove(ctx, id, origin));
  }

  unusedEnvironments(ids: readonly number[]) {
    return this.#access.read((ctx) => queries.unusedEnvironments(ctx, ids));
  }

  usedEnvironments() {
    return this.#access.read((ctx) => queries.usedEnvironments(ctx));
  }

  /** Writes for the live attempt of `token`; rejects with `StaleAttempt` for any other attempt. */
  #asLive<T>(name: WriteName, token: string, run: (ctx: Context, live: ActiveAttempt) => Op<T>): Promise<T> {
    return this.#access.write(name, function* (ctx) {
      return yield* run(ctx, yield* ctx.liveAttempt(token));
    });
  }

  /** Passes committed events to the listeners. */
  protected notify(events: readonly model.TaskEvent[]): void {
    if (events.length === 0) return;
    for (const listener of this.#listeners) listener(events);
  }
}
