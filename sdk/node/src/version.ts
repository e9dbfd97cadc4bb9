/** The version of this package, as it stands in the user agent; a test holds it to package.json. */
export const VERSION = '0.3.0';
