// Is there one order in which all of several sequences can have happened? Gives
// every number below `count` its rank in such an order. Where there is none,
// some sequence has a neighbour with a lower rank than the one before it.
export function ranksOf(count, sequences) {
  const after = Array.from({ length: count }, () => []);
  const waits = new Uint32Array(count); // For how many others.
  for (const ids of sequences) {
    for (let i = 1; i < ids.length; i++) {
      if (after[ids[i - 1]].includes(ids[i])) continue;
      after[ids[i - 1]].push(ids[i]);
      waits[ids[i]]++;
    }
  }
  const ranks = new Int32Array(count).fill(-1);
  const ready = [];
  for (let id = 0; id < count; id++) if (waits[id] === 0) ready.push(id);
  let given = 0;
  let next = 0;
  let lowest = 0;
  while (given < count) {
    if (next === ready.length) {
      // A circle. It is cut at its oldest, so that what follows has a rank too.
      while (ranks[lowest] >= 0) lowest++;
      ready.push(lowest);
    }
    const id = ready[next++];
    if (ranks[id] >= 0) continue; // It was where a circle was cut.
    ranks[id] = given++;
    for (const follower of after[id]) {
      if (--waits[follower] === 0 && ranks[follower] < 0) ready.push(follower);
    }
  }
  return ranks;
}
