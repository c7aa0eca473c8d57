// A first-in-first-out list that is also indexed.
export class Queue<T> {
  #items: T[] = [];
  #begin = 0;

  get length(): number {
    return this.#items.length - this.#begin;
  }
  at(index: number): T {
    return this.#items[this.#begin + index]!;
  }
  push(item: T): void {
    this.#items.push(item);
  }
  // From `begin` up to and without `end`.
  remove(begin: number, end: number): void {
    this.#items.splice(this.#begin + begin, end - begin);
  }
  shift(): T {
    const item = this.#items[this.#begin]!;
    this.#items[this.#begin++] = undefined as T;
    if (this.#begin > 1024 && this.#begin * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#begin);
      this.#begin = 0;
    }
    return item;
  }
}
