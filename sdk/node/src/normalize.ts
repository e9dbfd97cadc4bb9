const SPACE = /\p{White_Space}/gu;
// U+0307 is what folding leaves of İ.
const DROPPED = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u0307]/gu;

/**
 * What phrases and texts are compared by, the same as on the server:
 * compatibility forms unified (NFKC), case folded, the Turkish dotted and
 * dotless i as i, zero-width and control characters dropped, white space
 * collapsed and trimmed.
 */
export function normalize(text: string): string {
  let s = text.toWellFormed();
  // Folding may give what NFKC changes, and the other way round; three rounds
  // settle every code point.
  for (let i = 0; i < 3; i++) {
    s = dropMarks(fold(dropMarks(s.normalize('NFKC')))).normalize('NFKC').replace(/ +/g, ' ').trim();
  }
  return s;
}

function dropMarks(s: string): string {
  return s.replace(SPACE, ' ').replace(DROPPED, '');
}

/**
 * Full case folding. JavaScript has none; upper and then lower case is the same
 * after three rounds, and makes an i of both Turkish ones. Lower case comes
 * letter by letter, because a final Σ would become ς.
 */
function fold(s: string): string {
  return Array.from(s.toUpperCase(), (c) => c.toLowerCase()).join('');
}
