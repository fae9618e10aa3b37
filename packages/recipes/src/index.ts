export type { OnceOptions, RecipeServices } from "./arguments.js";
export { type Barrier, createBarrier } from "./barrier.js";
export { createDoubleBarrier, type DoubleBarrier } from "./double-barrier.js";
export { itemsOf } from "./items-of.js";
export { createPriorityQueue, type PriorityQueue } from "./priority-queue.js";
export { createQueue, type Dequeue, type Enqueued, type Queue } from "./queue.js";
export { createRwMutex, type RwLock, type RwMutex } from "./rw-mutex.js";
