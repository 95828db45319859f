// `mcpass connect` (MCPASS_BINARY) as the server of a stdio client.

/** What a stdio transport starts. The token is in the environment: arguments are public. */
export function bridge(url, token) {
  const env = token ? { MCPASS_TOKEN: token } : {};
  return { command: process.env.MCPASS_BINARY, args: ["connect", url.href], env, stderr: "inherit" };
}
