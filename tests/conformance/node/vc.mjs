// @digitalbazaar/vc with its eddsa-jcs-2022, eddsa-rdfc-2022 and bitstring status suites over every credential named.
// usage: node vc.mjs FOLDER CREDENTIAL.json …   → one JSON document on standard output
import {readFileSync} from 'node:fs';
import * as vc from '@digitalbazaar/vc';
import {DataIntegrityProof} from '@digitalbazaar/data-integrity';
import {checkStatus} from '@digitalbazaar/vc-bitstring-status-list';
import {createVerifyCryptosuite} from '@digitalbazaar/eddsa-jcs-2022-cryptosuite';
import {cryptosuite as rdfc} from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite';
import {loaderOf} from './common.mjs';

const [folder, ...files] = process.argv.slice(2);
const documentLoader = loaderOf(folder);
const suites = {
  'eddsa-jcs-2022': new DataIntegrityProof({cryptosuite: createVerifyCryptosuite()}),
  'eddsa-rdfc-2022': new DataIntegrityProof({cryptosuite: rdfc})
};

// Each proof of the set by itself, so that one good proof never hides a bad one; the status lists by their own proofs.
async function verifyOne(file) {
  const credential = JSON.parse(readFileSync(file, 'utf8'));
  const proofs = [credential.proof].flat();
  const answer = {};
  for(const proof of proofs) {
    const suite = suites[proof?.cryptosuite];
    if(!suite) {
      answer[proof?.cryptosuite ?? 'none'] = {verified: false, error: 'no suite for it'};
      continue;
    }
    let statusResult;
    const result = await vc.verifyCredential({
      credential: {...credential, proof}, suite, documentLoader,
      // verifyCredential says "verified" of a revoked credential unless the status result is read.
      checkStatus: async options => {
        statusResult = await checkStatus({...options, suite: Object.values(suites)});
        return {verified: true};
      }
    });
    answer[proof.cryptosuite] = {
      verified: result.verified,
      error: result.error && String(result.error.errors?.[0]?.message ?? result.error.message ?? result.error),
      statusVerified: statusResult?.verified,
      statusError: statusResult?.error && String(statusResult.error.message),
      statuses: statusResult?.results?.map(({credentialStatus, status}) => [credentialStatus.statusPurpose, status])
    };
  }
  return answer;
}

const answers = {};
for(const file of files) {
  try {
    answers[file] = await verifyOne(file);
  } catch(error) {
    answers[file] = {none: {verified: false, error: String(error.message)}};
  }
}
console.log(JSON.stringify(answers, null, 1));
