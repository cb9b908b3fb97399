// One request at a time, and the newest wins: what was asked for in between is forgotten, so that nothing queues behind a drag.

/**
 * @template T, R
 * @param {(task: T) => Promise<R>} work
 * @param {(result: R, task: T) => void} done
 * @param {(error: unknown, task: T) => void} failed
 * @returns {(task: T) => void}
 */
export function newestWins(work, done, failed) {
  /** @type {{task: T} | null} */
  let waiting = null;
  let busy = false;
  const run = async () => {
    busy = true;
    while (waiting) {
      const { task } = waiting;
      waiting = null;
      try {
        done(await work(task), task);
      } catch (error) {
        failed(error, task);
      }
    }
    busy = false;
  };
  return (task) => {
    waiting = { task };
    if (!busy) void run();
  };
}
