import { NoSchemaIntrospectionCustomRule, validate } from 'graphql'
import type { Plugin } from 'graphql-yoga'

const SUGGESTION = / Did you mean [^?]*\?/g

/** Tells callers nothing of the schema that they do not know: no introspection, and no "Did you mean". */
export const hideSchema: Plugin = {
  onValidate({ addValidationRule, setValidationFn }) {
    addValidationRule(NoSchemaIntrospectionCustomRule)
    setValidationFn((schema, document, rules) => validate(schema, document, rules, { hideSuggestions: true }))
  },
  // what is wrong with variables is found as the operation begins, by an executor that knows no such option
  onExecute: () => ({ onExecuteDone: hideSuggestions }),
  onSubscribe: () => ({ onSubscribeResult: hideSuggestions }),
}

function hideSuggestions({ result }: { result: unknown }): void {
  const { errors = [] } = result as { errors?: readonly Error[] }
  for (const error of errors) error.message = error.message.replace(SUGGESTION, '')
}
