/** The server under test and what its swarm holds; whoever starts both sets the environment. */
export const server = {
  url: required('LONGSHORE_URL'),
  setupUrl: required('LONGSHORE_SETUP_URL'),
  magnet: required('LONGSHORE_TEST_MAGNET'),
  /** SHA-256 in hex by path of file. */
  hashes: JSON.parse(required('LONGSHORE_TEST_SHA256')) as Record<string, string>,
};

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: the browser test drives a running server with a seeded torrent.`);
  return value;
}
