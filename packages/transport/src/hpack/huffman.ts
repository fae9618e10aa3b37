// The code of HPACK is canonical (RFC 7541, Appendix B): codes of one length follow one another in the order of their
// symbols, and longer codes follow shorter ones. So the lengths say it all. Ranges stand as [first, last].
const symbolsByLength: readonly (readonly [
  bits: number,
  symbols: readonly (number | readonly [number, number])[],
])[] = [
  [5, [[48, 50], 97, 99, 101, 105, 111, [115, 116]]],
  [6, [32, 37, [45, 47], [51, 57], 61, 65, 95, 98, 100, [102, 104], [108, 110], 112, 114, 117]],
  [7, [58, [66, 87], 89, [106, 107], 113, [118, 122]]],
  [8, [38, 42, 44, 59, 88, 90]],
  [10, [[33, 34], [40, 41], 63]],
  [11, [39, 43, 124]],
  [12, [35, 62]],
  [13, [0, 36, 64, 91, 93, 126]],
  [14, [94, 125]],
  [15, [60, 96, 123]],
  [19, [92, 195, 208]],
  [20, [128, [130, 131], 162, 184, 194, 224, 226]],
  [21, [153, 161, 167, 172, [176, 177], 179, 209, [216, 217], 227, [229, 230]]],
  [
    22,
    [
      129,
      [132, 134],
      136,
      146,
      154,
      156,
      160,
      [163, 164],
      [169, 170],
      173,
      178,
      181,
      [185, 187],
      [189, 190],
      196,
      198,
      228,
      [232, 233],
    ],
  ],
  [
    23,
    [
      1,
      135,
      [137, 141],
      143,
      147,
      [149, 152],
      155,
      [157, 158],
      [165, 166],
      168,
      [174, 175],
      180,
      [182, 183],
      188,
      191,
      197,
      231,
      239,
    ],
  ],
  [24, [9, 142, [144, 145], 148, 159, 171, 206, 215, 225, [236, 237]]],
  [25, [199, 207, [234, 235]]],
  [26, [[192, 193], [200, 202], 205, 210, 213, [218, 219], 238, 240, [242, 243], 255]],
  [27, [[203, 204], [211, 212], 214, [221, 223], 241, [244, 248], [250, 254]]],
  [28, [[2, 8], [11, 12], [14, 21], [23, 31], 127, 220, 249]],
  [30, [10, 13, 22, 256]],
];

const endOfString = 256;

// A binary tree in an array: the children of node n stand at 2n and 2n + 1; a negative entry is a leaf, ~symbol.
const tree: number[] = [0, 0];

{
  let code = 0;
  let bitsBefore = 0;
  for (const [bits, symbols] of symbolsByLength) {
    code <<= bits - bitsBefore;
    bitsBefore = bits;
    for (const entry of symbols) {
      const [first, last] = typeof entry === "number" ? [entry, entry] : entry;
      for (let symbol = first; symbol <= last; symbol++) plant(code++, bits, symbol);
    }
  }
}

function plant(code: number, bits: number, symbol: number): void {
  let node = 0;
  for (let bit = bits - 1; bit > 0; bit--) {
    const slot = 2 * node + ((code >>> bit) & 1);
    if (tree[slot] === 0) {
      tree[slot] = tree.length / 2;
      tree.push(0, 0);
    }
    node = tree[slot] ?? 0;
  }
  tree[2 * node + (code & 1)] = ~symbol;
}

/**
 * Decodes a string in HPACK's Huffman code (RFC 7541, 5.2); bytes come out as Latin-1.
 *
 * @returns `undefined` for bytes that are no such string: the end-of-string symbol inside, padding of more than seven
 * bits, or padding that is not all ones.
 */
export function decodeHuffman(buffer: Uint8Array, start: number, end: number): string | undefined {
  let text = "";
  let node = 0;
  let depth = 0;
  let allOnes = true;
  for (let position = start; position < end; position++) {
    const byte = buffer[position] ?? 0;
    for (let bit = 7; bit >= 0; bit--) {
      const one = (byte >>> bit) & 1;
      if (one === 0) allOnes = false;
      depth++;
      const next = tree[2 * node + one] ?? 0;
      if (next >= 0) {
        node = next;
        continue;
      }
      if (~next === endOfString) return undefined;
      text += String.fromCharCode(~next);
      node = 0;
      depth = 0;
      allOnes = true;
    }
  }
  return depth > 7 || !allOnes ? undefined : text;
}
