// @auth0/cose over the QR's COSE_Sign1 messages. usage: node cose.mjs JWKS.json HEX …   → {"<hex>": {"verified": …}}
import {readFileSync} from 'node:fs';
import {Sign1, Headers} from '@auth0/cose';
import {createPublicKey} from 'node:crypto';

const [keysFile, ...messages] = process.argv.slice(2);
const {keys} = JSON.parse(readFileSync(keysFile, 'utf8'));
const answers = {};
for(const hex of messages) {
  try {
    const message = Sign1.decode(Buffer.from(hex, 'hex'));
    const kid = Buffer.from(message.protectedHeaders.get(Headers.KeyID)).toString('hex');
    const jwk = keys.find(key => key.kid === kid);
    if(!jwk) {
      throw new Error(`no key ${kid}`);
    }
    await message.verify(createPublicKey({key: jwk, format: 'jwk'}));
    answers[hex] = {verified: true, payload: Buffer.from(message.payload).toString('hex')};
  } catch(error) {
    answers[hex] = {verified: false, error: String(error.message)};
  }
}
console.log(JSON.stringify(answers, null, 1));
