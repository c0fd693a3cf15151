import { Drawer } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { api } from '../api'
import { explain } from '../parts/ask'
import { Empty, Loading } from '../parts/bits'
import { fullDate, percent, span } from '../format'
import { Icon } from '../parts/icons'
import { useReason } from '../parts/reasons'

/** Why this person, and why not the others: what the router saw each time it decided. */
export function Why({ id, opened, close }: { id: number; opened: boolean; close: () => void }) {
  const { t } = useTranslation()
  const because = useReason()
  const found = useQuery({ queryKey: ['decisions', id], queryFn: () => api.decisions(id), enabled: opened })
  return (
    <Drawer opened={opened} onClose={close} title={t('why.title')} position="right" size={460} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <div data-testid="why-drawer">
        {found.isPending && <Loading />}
        {found.isError && <Empty icon="warn" title={explain(found.error)} />}
        {found.data && found.data.waiting_because.length > 0 && <div className="banner warn" style={{ borderRadius: 8, marginBottom: 12 }}><Icon name="clock" small />{because(found.data.waiting_because)}</div>}
        {found.data && found.data.items.length === 0 && found.data.waiting_because.length === 0 && <Empty icon="help" title={t('why.none')} />}
        {found.data?.items.map((d, n) => (
          <section key={n} className="panel" style={{ marginBottom: 12 }}>
            <div className="hflex" style={{ justifyContent: 'space-between', marginBottom: 4 }}>
              <strong>{d.chosen ? t('why.chosen', { name: d.chosen.name }) : t('why.nobody')}</strong>
              {d.offer_state && <span className={`pill ${d.offer_state === 'accepted' ? 'ok' : d.offer_state === 'offered' ? '' : 'soon'}`}>{t(`offerState.${d.offer_state}`)}</span>}
            </div>
            <p className="meta">{fullDate(d.at)}</p>
            {d.because.length > 0 && <p style={{ margin: '6px 0' }}>{because(d.because)}</p>}
            {d.candidates.length > 0 && (
              <table className="tbl">
                <thead>
                  <tr><th>{t('why.agent')}</th><th className="r">{t('why.level')}</th><th className="r">{t('why.load')}</th><th className="r">{t('why.idle')}</th></tr>
                </thead>
                <tbody>
                  {d.candidates.map((k) => (
                    <tr key={k.agent.id}>
                      <td>
                        <span style={{ fontWeight: k.chosen ? 600 : 400 }}>{k.agent.name}{k.chosen && <> <Icon name="check" small /></>}</span>
                        <div className="meta">{because(k.because)}</div>
                      </td>
                      <td className="r">{k.level ?? '–'}</td>
                      <td className="r">{percent(k.load * 100)}</td>
                      <td className="r">{span(k.idle_seconds)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )}
          </section>
        ))}
      </div>
    </Drawer>
  )
}
