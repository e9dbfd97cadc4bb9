const BROWSERS = [['Edg/', 'Edge'], ['OPR/', 'Opera'], ['Firefox/', 'Firefox'], ['Chrome/', 'Chrome'], ['Safari/', 'Safari']];
const SYSTEMS = [
  ['Android', 'Android'], ['iPhone', 'iPhone'], ['iPad', 'iPad'], ['Windows', 'Windows'], ['Mac OS X', 'Mac'], ['CrOS', 'ChromeOS'],
  ['Linux', 'Linux'],
];

/**
 * Says in words which browser asks, by its User-Agent, such as "Firefox on
 * Linux", so that the person with the phone can tell whether it is theirs. It is
 * never the header itself, in which a stranger could write to that person.
 */
export function device(agent) {
  const [browser, system] = [BROWSERS, SYSTEMS].map((words) => words.find(([mark]) => agent.includes(mark))?.[1]);
  if (!browser && !system) return 'an unknown browser';
  if (!browser) return `a browser on ${system}`;
  return system ? `${browser} on ${system}` : browser;
}
