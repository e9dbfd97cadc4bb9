const SPACE = /\p{White_Space}/gu;
// U+0307 is what folding leaves of İ.
const DROPPED = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u0307]/gu;

/**
 * Returns the form in which phrases and texts are compared, the same as on the
 * server. It unifies compatibility forms (NFKC), folds case, turns the Turkish
 * dotted and dotless i into i, drops zero-width and control characters, and
 * collapses and trims white space.
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
 * Folds case fully. JavaScript cannot, but upper case and then lower case gives
 * the same after three rounds, and turns both Turkish letters into i. Lower case
 * is applied letter by letter, because a final Σ would become ς.
 */
function fold(s: string): string {
  return Array.from(s.toUpperCase(), (c) => c.toLowerCase()).join('');
}
