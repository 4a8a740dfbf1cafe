// A certified OpenID Connect provider on this machine: PKCE is a must, and a sign-in is a name and any password.
import { Provider } from "oidc-provider";

const [port, secret, back] = process.argv.slice(2);
const provider = new Provider(`http://localhost:${port}`, {
  clients: [
    { client_id: "certsvc", client_secret: secret, redirect_uris: [back], response_types: ["code"], grant_types: ["authorization_code"] },
  ],
  pkce: { required: () => true },
  cookies: { keys: ["of this test alone"] },
  findAccount: (_context, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
});
provider.listen(Number(port), "localhost", () => console.log("listening"));
