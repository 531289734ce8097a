// Audio in blocks that are asked for around the playhead, so that memory does not grow with the song.

const BLOCK = 32768; // samples that the server sends at once
const AHEAD = 3; // blocks wanted beyond the playhead
const KEPT_BYTES = 192 * 2 ** 20;

/** A signal in blocks, of which only those around the playhead are here. */
export class Source {
  constructor(rows, length) {
    this.rows = rows;
    this.length = length;
    this.position = 0;
    this.blocks = new Map();
    this.asked = new Set();
  }

  has(position) {
    return this.blocks.has(Math.floor(position / BLOCK));
  }

  put(index, samples) {
    this.asked.delete(index);
    this.blocks.set(index, samples);
    const bytes = this.rows * BLOCK * 4;
    const most = Math.max(2 * AHEAD + 2, Math.floor(KEPT_BYTES / bytes));
    const current = Math.floor(this.position / BLOCK);
    while (this.blocks.size > most) {
      const far = [...this.blocks.keys()].sort(
        (a, b) => Math.abs(b - current) - Math.abs(a - current),
      );
      this.blocks.delete(far[0]);
    }
  }

  /** Blocks to fetch now: at the playhead, ahead of it, and where a loop starts again. */
  missing(loopStart) {
    const last = Math.ceil(this.length / BLOCK) - 1;
    const first = Math.floor(this.position / BLOCK);
    const wanted = [];
    for (let i = first; i <= Math.min(first + AHEAD, last); i++) wanted.push(i);
    if (loopStart !== null) wanted.push(Math.floor(loopStart / BLOCK));
    const fresh = wanted.filter((i) => i >= 0 && !this.blocks.has(i) && !this.asked.has(i));
    for (const index of fresh) this.asked.add(index);
    return [...new Set(fresh)];
  }

  /** Copy `count` samples of a row at the position, zeros beyond the end. */
  read(row, into, count) {
    const { position } = this;
    for (let done = 0; done < count; ) {
      const at = position + done;
      const block = this.blocks.get(Math.floor(at / BLOCK));
      const offset = at % BLOCK;
      const size = Math.min(count - done, BLOCK - offset);
      if (block) {
        const start = row * BLOCK + offset;
        into.set(block.subarray(start, start + size), done);
      } else {
        into.fill(0, done, done + size);
      }
      done += size;
    }
  }
}
