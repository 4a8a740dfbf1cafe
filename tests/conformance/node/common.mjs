// What the Node verifiers share: a document loader that knows the files of one folder and nothing of the network.
import {readFileSync} from 'node:fs';
import {resolve} from 'node:path';
import {contexts as vcContexts} from '@digitalbazaar/credentials-context';
import diContext from '@digitalbazaar/data-integrity-context';
import mkContext from '@digitalbazaar/multikey-context';

/**
 * @param {string} folder holds documents.json: {"<url>": "<file name>"} for the DID document, the status lists and the
 *   Open Badges context
 */
export function loaderOf(folder) {
  const documents = new Map(vcContexts);
  documents.set(diContext.constants.CONTEXT_URL, diContext.contexts.get(diContext.constants.CONTEXT_URL));
  documents.set(mkContext.constants.CONTEXT_URL, mkContext.contexts.get(mkContext.constants.CONTEXT_URL));
  for(const [url, file] of Object.entries(JSON.parse(readFileSync(resolve(folder, 'documents.json'), 'utf8')))) {
    documents.set(url, JSON.parse(readFileSync(resolve(folder, file), 'utf8')));
  }
  return async url => {
    if(documents.has(url)) {
      return {contextUrl: null, documentUrl: url, document: documents.get(url)};
    }
    const [base, fragment] = url.split('#');
    const parent = fragment && documents.get(base);
    const method = parent?.verificationMethod?.find(({id}) => id === url);
    if(method) {
      return {contextUrl: null, documentUrl: url, document: {'@context': parent['@context'], ...method}};
    }
    throw new Error(`not among the documents of this folder: ${url}`);
  };
}
