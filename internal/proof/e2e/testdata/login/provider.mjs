// An OpenID Connect provider on a port of its own, as an operator's login is one. Its
// arguments are the files of its certificate and of that certificate's key. Each line of its
// input is a set of private keys (JWKS) in JSON. The first of them signs, and all are
// published. It prints its issuer once it has keys, and "keys" when it has taken others.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createInterface } from 'node:readline';
import { Provider } from 'oidc-provider';

const [cert, key] = process.argv.slice(2).map((name) => readFileSync(name));
const resource = 'urn:emostream';
const scopes = ['emostream:send', 'emostream:watch', 'emostream:manage', 'emostream:as'];

const settings = (jwks) => ({
  jwks,
  clients: [
    { // a page on which people log in
      client_id: 'page',
      redirect_uris: ['https://page.example/'],
      token_endpoint_auth_method: 'none',
    },
    { // a program that sends for the people of a site
      client_id: 'backend',
      client_secret: 'for-this-test-alone',
      redirect_uris: [],
      response_types: [],
      grant_types: ['client_credentials'],
    },
  ],
  scopes: ['openid', ...scopes],
  cookies: { keys: ['for this test alone'] },
  features: {
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: scopes.join(' '),
        audience: 'emostream',
        accessTokenFormat: 'jwt',
        accessTokenTTL: 600,
      }),
    },
  },
});

let provider;
const server = createServer({ cert, key }, (req, res) => provider(req, res));
server.listen(0, '127.0.0.1', () => {
  const issuer = `https://127.0.0.1:${server.address().port}`;
  createInterface({ input: process.stdin }).on('line', (line) => {
    const first = !provider;
    provider = new Provider(issuer, settings(JSON.parse(line))).callback();
    console.log(first ? issuer : 'keys');
  }).on('close', () => process.exit());
});
