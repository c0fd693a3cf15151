import { Button, PasswordInput, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useRouter, useSearch } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { base } from '../../realtime/base'
import { api, Problem } from '../api'
import { speak } from '../i18n'
import { explain } from '../parts/ask'
import { config } from '../parts/queries'
import { Brand, LanguageLinks } from './Brand'

export function SignIn() {
  const { t } = useTranslation()
  const client = useQueryClient()
  const router = useRouter()
  const { next } = useSearch({ from: '/sign-in' })
  const about = useQuery(config)
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  useEffect(() => {
    document.title = t('signin.title')
  }, [t])

  const enter = useMutation({
    mutationFn: () => api.signIn(email.trim(), password),
    onSuccess: (me) => {
      client.clear()
      client.setQueryData(['session'], me)
      speak(me.agent.locale)
      // Only a path of our own may follow: `next` comes from the address bar.
      router.history.push(next?.startsWith(`${base}/app/`) && /^[^/\\]/.test(next.slice(`${base}/app/`.length)) ? next : `${base}/app/`)
    },
  })
  const wrong = (e: unknown) => {
    if (e instanceof Problem && e.status === 401) return t('signin.wrong')
    if (e instanceof Problem && e.status === 429) return t('signin.tooMany')
    return explain(e)
  }

  return (
    <main className="gate">
      <form
        data-testid="signin-form"
        onSubmit={(e) => {
          e.preventDefault()
          enter.mutate()
        }}
      >
        <Brand name={about.data?.product} />
        <h1>{t('signin.title')}</h1>
        {enter.isError && <div className="alert" role="alert">{wrong(enter.error)}</div>}
        <TextInput
          label={t('signin.email')} maxLength={320} type="email" name="email" autoComplete="username" required withAsterisk={false} autoFocus
          value={email} onChange={(e) => setEmail(e.currentTarget.value)} data-testid="signin-email"
        />
        <PasswordInput
          label={t('signin.password')} name="password" autoComplete="current-password" required withAsterisk={false}
          value={password} onChange={(e) => setPassword(e.currentTarget.value)} data-testid="signin-password"
          visibilityToggleButtonProps={{ 'aria-label': t('signin.show') }}
        />
        <Button type="submit" size="sm" loading={enter.isPending} data-testid="signin-submit">{t('signin.enter')}</Button>
        {about.data?.demo && (
          <p className="meta">
            {t('signin.demo')} <a href={`${base}/demo`}>{t('signin.demoLink')}</a>
          </p>
        )}
        <LanguageLinks />
      </form>
    </main>
  )
}
