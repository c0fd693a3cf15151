/** Before somebody signs out with customers at their desk: who they are, and what becomes of them. */
import { Button, Modal } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { data, hub } from '../../api/client'
import { Problem } from '../api'
import { complain, explain } from '../parts/ask'
import { ChannelWord, useLatest, useWho } from '../parts/bits'
import './leaving-words'

const MOST = 8 // named; of more the number says enough

export default function SignOut({ close, leave }: { close: () => void; leave: () => void }) {
  const { t } = useTranslation()
  const who = useWho()
  const found = useQuery({ queryKey: ['with-me'], queryFn: async () => (await data(hub.GET('/api/v1/me/customers'))).items, staleTime: 0, gcTime: 0, retry: false })
  const back = useMutation({ mutationFn: () => data(hub.POST('/api/v1/me/hand-back')), onSuccess: leave, onError: complain })
  const go = useLatest(leave)
  // Who may not ask (the session is over, or their role takes no work) has nobody with them.
  const alone = found.data?.length === 0 || (found.error instanceof Problem && [401, 403].includes(found.error.status))
  useEffect(() => {
    if (alone) go.current()
  }, [alone, go])
  if (found.isPending || alone) return null
  const here = found.data ?? []
  const calls = here.some((c) => c.talks)
  return (
    <Modal opened onClose={close} title={t('signOut.title')} closeButtonProps={{ 'aria-label': t('common.close') }} data-testid="sign-out-dialog">
      {found.isError ? <p className="alert" role="alert">{explain(found.error)}</p> : <p style={{ marginTop: 0 }}>{t('signOut.with', { count: here.length })}</p>}
      <ul style={{ margin: '0 0 12px', paddingInlineStart: 18 }}>
        {here.slice(0, MOST).map((c) => (
          <li key={c.conversation_id} data-testid="sign-out-customer"><ChannelWord channel={c.channel} /> <bdi>{who(c)}</bdi> <span className="mut">· {t(c.talks ? 'signOut.talks' : c.waits ? 'signOut.waits' : 'signOut.here')}</span></li>
        ))}
        {here.length > MOST && <li>…</li>}
      </ul>
      <p style={{ marginBottom: 14 }}>{t(calls ? 'signOut.call' : 'signOut.what')}</p>
      <div className="hflex" style={{ justifyContent: 'flex-end', flexWrap: 'wrap' }}>
        <Button variant="default" onClick={close} data-autofocus data-testid="sign-out-stay">{t('signOut.stay')}</Button>
        {!calls && <Button variant="default" disabled={back.isPending} onClick={leave} data-testid="sign-out-anyway">{t('signOut.anyway')}</Button>}
        {!calls && !found.isError && <Button loading={back.isPending} onClick={() => back.mutate()} data-testid="sign-out-back">{t('signOut.back')}</Button>}
      </div>
    </Modal>
  )
}
