import { useState } from 'preact/hooks'
import { signIn } from './api/session.ts'
import { Button } from './components/button.tsx'
import { Field } from './components/field.tsx'
import { Page } from './components/page.tsx'

/** Asks for a token. @param reason why the last one was refused; empty where there was none */
export function SignIn({ reason }: { reason: string }) {
  const [token, setToken] = useState('')
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    // pasted with what stands around it in a terminal or a header
    signIn(token.trim().replace(/^bearer\s+/i, ''))
  }
  return (
    <main class="sign-in">
      <Page title="Sign in to Holdfast">
        <form class="card form" onSubmit={submit}>
          <Field
            label="Token"
            name="token"
            type="password"
            autocomplete="off"
            required
            value={token}
            onInput={setToken}
            error={reason && `${reason}. Paste another one.`}
            hint="It stays in this tab, and is gone when you close it."
          />
          <Button type="submit">Sign in</Button>
          <p class="muted">
            Your issuer gives you one, or on the server:{' '}
            <code>npm run -s token -- --sub alice --role operator</code>
          </p>
        </form>
      </Page>
    </main>
  )
}
