import { Button, PasswordInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { base } from '../../realtime/base'
import { api, Problem } from '../api'
import { speak } from '../i18n'
import { explain } from '../parts/ask'
import { config } from '../parts/queries'
import { Brand, LanguageLinks } from './Brand'

const SHORTEST = 10

/** The token travels behind the #, which browsers send to nobody. */
function useToken(): string {
  const [token] = useState(() => decodeURIComponent(location.hash.slice(1)))
  return token
}

export function Welcome() {
  const { t } = useTranslation()
  const client = useQueryClient()
  const navigate = useNavigate()
  const token = useToken()
  const about = useQuery(config)
  const [first, setFirst] = useState('')
  const [second, setSecond] = useState('')
  const [tried, setTried] = useState(false)
  useEffect(() => {
    document.title = t('welcome.title')
  }, [t])

  const set = useMutation({
    mutationFn: () => api.takeLink(token, first),
    onSuccess: (me) => {
      client.clear()
      client.setQueryData(['session'], me)
      speak(me.agent.locale)
      history.replaceState(null, '', `${base}/app/welcome`)
      void navigate({ to: '/' })
    },
  })
  const short = tried && first.length < SHORTEST ? t('welcome.short', { n: SHORTEST }) : null
  const differ = tried && !short && first !== second ? t('welcome.differ') : null
  const refused = set.error instanceof Problem && [400, 401, 404, 409, 410].includes(set.error.status)

  return (
    <main className="gate">
      <form
        data-testid="welcome-form"
        onSubmit={(e) => {
          e.preventDefault()
          setTried(true)
          if (first.length >= SHORTEST && first === second) set.mutate()
        }}
      >
        <Brand name={about.data?.product} />
        <h1>{t('welcome.title')}</h1>
        {token ? (
          <>
            <p className="mut">{t('welcome.text')}</p>
            {set.isError && <div className="alert" role="alert">{refused ? t('welcome.used') : explain(set.error)}</div>}
            <PasswordInput
              label={t('welcome.password')} description={t('welcome.hint', { n: SHORTEST })} autoComplete="new-password" autoFocus
              value={first} onChange={(e) => setFirst(e.currentTarget.value)} error={short} data-testid="welcome-password"
              visibilityToggleButtonProps={{ 'aria-label': t('signin.show') }}
            />
            <PasswordInput
              label={t('welcome.again')} autoComplete="new-password" value={second} error={differ}
              onChange={(e) => setSecond(e.currentTarget.value)} data-testid="welcome-again"
              visibilityToggleButtonProps={{ 'aria-label': t('signin.show') }}
            />
            <Button type="submit" size="sm" loading={set.isPending} data-testid="welcome-submit">{t('welcome.enter')}</Button>
          </>
        ) : (
          <div className="alert" role="alert">{t('welcome.noToken')}</div>
        )}
        <LanguageLinks />
      </form>
    </main>
  )
}
