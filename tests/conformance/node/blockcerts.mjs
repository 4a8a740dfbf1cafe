// Blockcerts' cert-verifier-js over our credentials, each with its eddsa-rdfc-2022 proof alone (it has no JCS suite).
// usage: node blockcerts.mjs FOLDER CREDENTIAL.json …   → {"<file>": {"status": …, "steps": {"<code>": "success"}, …}}
//
// What it asks a universal resolver for is answered from the folder; nothing else is reachable.
import {readFileSync} from 'node:fs';
import {resolve} from 'node:path';

const RESOLVER = 'https://resolver.example';
const [folder, ...files] = process.argv.slice(2);
const documents = new Map(Object.entries(JSON.parse(readFileSync(resolve(folder, 'documents.json'), 'utf8'))));
const read = url => JSON.parse(readFileSync(resolve(folder, documents.get(url)), 'utf8'));

// Its suite wants a key both as multibase and as a JWK; our did.json has the one, our jwks.json the other. A folder
// without jwks shows what it says of did.json as it is published.
function bothForms(document) {
  if(!documents.has('jwks')) {
    return document;
  }
  const jwks = read('jwks');
  for(const method of document.verificationMethod) {
    method.publicKeyJwk = jwks.keys.find(({kid}) => kid === method.id.split('#')[1]);
  }
  return document;
}

// Its only way out: the universal resolver it believes in is this folder.
globalThis.fetch = async address => {
  const url = String(address.url ?? address);
  const known = url.startsWith(RESOLVER) ? url.slice(RESOLVER.length + 1) : url;
  if(!documents.has(known)) {
    return new Response('', {status: 404});
  }
  const document = read(known);
  return Response.json(url === known ? document : {didDocument: bothForms(document)});
};

const talk = []; // where its steps pass a cause over, it says it here
for(const name of ['log', 'warn', 'error', 'info']) {
  console[name] = (...said) => talk.push(said.map(String).join(' ')); // on standard output the answer goes
}
// Its package names its Node build by a field that Node does not read.
const {default: {Certificate}} = await import('./node_modules/@blockcerts/cert-verifier-js/dist/verifier-node/index.js');

async function verifyOne(file) {
  const signed = JSON.parse(readFileSync(file, 'utf8'));
  signed.proof = [signed.proof].flat().find(({cryptosuite}) => cryptosuite === 'eddsa-rdfc-2022');
  const steps = {};
  const certificate = new Certificate(signed, {didResolverUrl: RESOLVER});
  await certificate.init();
  const final = await certificate.verify(({code, status, errorMessage}) => {
    steps[code] = status === 'failure' ? `failure: ${errorMessage}` : status;
  });
  return {status: final.status, message: final.message, steps, talk: talk.splice(0)};
}

const answers = {};
for(const file of files) {
  try {
    answers[file] = await verifyOne(file);
  } catch(error) {
    answers[file] = {status: 'failure', message: String(error.message), steps: {}, talk: talk.splice(0)};
  }
}
process.stdout.write(JSON.stringify(answers, null, 1));
