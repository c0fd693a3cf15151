/** Where a customer wants no messages: the warning above the composer, the ledger, and writing down what they told us. */
import { Button, Modal, NativeSelect, Radio, Textarea } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Contact, OptedOut } from '../api'
import { fullDate, when } from '../format'
import { explain, say as tell } from '../parts/ask'
import { useChannelName, useReturn } from '../parts/bits'
import { Icon } from '../parts/icons'
import { contact as contactQuery } from '../parts/queries'
import { channelOf } from '../state/channels'
import { consent, type ConsentEntry, say } from './api'

/** How we know it, in the reader's language; a word the customer wrote stays as it is. */
function useHow(): (e: ConsentEntry) => string {
  const { t } = useTranslation()
  return (e) => {
    if (e.source === 'agent') return t('consent.toldAgent', { name: e.agent?.name ?? '' })
    if (e.source === 'word' || e.source === 'provider') return e.detail || t(`consent.${e.source}`)
    return t(`consent.${e.source}`)
  }
}

/** What closed the way to an address: the first such word after the last that opened it, the ledger's latest being first. */
function since(ledger: ConsentEntry[], address: number): ConsentEntry | undefined {
  const own = ledger.filter((e) => e.address_id === address)
  const open = own.findIndex((e) => e.wanted)
  return own.slice(0, open < 0 ? undefined : open).at(-1)
}

/** "Wants no more messages by SMS: STOP · 21 Nov", for each such place. */
export function OptOuts({ contact, places }: { contact: number; places: OptedOut[] }) {
  const { t } = useTranslation()
  const channelName = useChannelName()
  const how = useHow()
  const ledger = useQuery({ ...consent(contact), enabled: places.length > 0 }).data
  const [asking, setAsking] = useState<number | null>(null)
  return (
    <>
      {places.map((p) => {
        const last = since(ledger ?? [], p.address_id)
        return (
          <div className="optout" key={`${p.channel}:${p.address_id}`} role="note" data-testid="opted-out" data-channel={p.channel}>
            <Icon name="warn" small />
            <span>
              {last
                ? t('consent.bannerWhy', { channel: channelName(p.channel), address: p.address, why: `${how(last)} · ${when(last.at)}` })
                : t('consent.banner', { channel: channelName(p.channel), address: p.address })}{' '}
              <button type="button" className="linklike" onClick={() => setAsking(p.address_id)} data-testid="consent-change">{t('consent.told')}</button>
            </span>
          </div>
        )
      })}
      {asking !== null && <Asked contact={contact} address={asking} close={() => setAsking(null)} />}
    </>
  )
}

function Asked({ contact, address, close }: { contact: number; address: number; close: () => void }) {
  const c = useQuery(contactQuery(contact)).data
  return c ? <ConsentDialog c={c} address={address} close={close} /> : null
}

export function ConsentSection({ c }: { c: Contact }) {
  const { t } = useTranslation()
  const found = useQuery(consent(c.id))
  const [asking, setAsking] = useState(false)
  const [all, setAll] = useState(false)
  const able = c.addresses.some((a) => channelOf(a.kind))
  const items = found.data ?? []
  if (!able && items.length === 0) return null
  return (
    <section data-testid="consent">
      <h2 className="section">
        {t('consent.title')}
        {able && <button type="button" className="linklike" style={{ textTransform: 'none', letterSpacing: 0, fontWeight: 400 }} onClick={() => setAsking(true)} data-testid="customer-told-me">{t('consent.told')}</button>}
      </h2>
      {found.isError && <p className="mut">{explain(found.error)}</p>}
      {found.isSuccess && items.length === 0 && <p className="meta">{t('consent.nothing')}</p>}
      <ul className="ledger">{items.slice(0, all ? undefined : 4).map((e, n) => <Line key={n} e={e} />)}</ul>
      {items.length > 4 && !all && <button type="button" className="linklike" onClick={() => setAll(true)}>{t('timeline.more')}</button>}
      {asking && <ConsentDialog c={c} close={() => setAsking(false)} />}
    </section>
  )
}

function Line({ e }: { e: ConsentEntry }) {
  const { t } = useTranslation()
  const channelName = useChannelName()
  const how = useHow()
  const said = how(e)
  return (
    <li data-testid="consent-entry" data-wanted={e.wanted} data-source={e.source}>
      <span className={e.wanted ? 'yes' : 'no'}><Icon name={e.wanted ? 'check' : 'close'} small /></span>
      <span>
        {t(e.wanted ? 'consent.wants' : 'consent.wantsNo', { channel: channelName(e.channel) })} · <strong>{said}</strong>
        {e.source === 'agent' && e.detail && <> “{e.detail}”</>}
        <span className="meta">
          <time dateTime={e.at} title={fullDate(e.at)}>{when(e.at)}</time> · {e.address}
          {e.source !== 'agent' && said !== t(`consent.${e.source}`) && <> · {t(`consent.${e.source}`)}</>}
          {e.account && <> · {e.account}</>}
        </span>
      </span>
    </li>
  )
}

/** What the customer told us by word of mouth; saying it is asked to be sure, because it opens or shuts a way to them. */
export function ConsentDialog({ c, address, close }: { c: Contact; address?: number; close: () => void }) {
  const { t } = useTranslation()
  const channelName = useChannelName()
  const client = useQueryClient()
  useReturn()
  const able = c.addresses.filter((a) => channelOf(a.kind))
  const [at, setAt] = useState(address ?? able.find((a) => a.kind !== 'email')?.id ?? able[0]?.id ?? 0)
  const chosen = able.find((a) => a.id === at)
  const [wish, setWish] = useState<'yes' | 'no' | null>(null)
  const [detail, setDetail] = useState('')
  const channel = channelName(channelOf(chosen?.kind ?? 'phone') ?? '')
  const wanted = (wish ?? (chosen?.opted_out ? 'yes' : 'no')) === 'yes'
  const save = useMutation({
    mutationFn: () => say(c.id, at, wanted, detail.trim()),
    onSuccess: () => {
      for (const key of [['consent'], ['contact'], ['conversation']]) void client.invalidateQueries({ queryKey: key })
      tell(t('consent.kept'))
      close()
    },
  })
  return (
    <Modal opened onClose={close} title={t('consent.told')} closeButtonProps={{ 'aria-label': t('common.close') }} data-testid="consent-dialog">
      <form
        style={{ display: 'grid', gap: 12 }}
        onSubmit={(e) => {
          e.preventDefault()
          save.mutate()
        }}
      >
        {save.isError && <div className="alert" role="alert">{explain(save.error)}</div>}
        <NativeSelect
          label={t('contact.address')} value={String(at)} onChange={(e) => { setAt(Number(e.currentTarget.value)); setWish(null) }} data-testid="consent-address"
          data={able.map((a) => ({ value: String(a.id), label: `${channelName(channelOf(a.kind) ?? '')} · ${a.value}` }))}
        />
        <Radio.Group value={wanted ? 'yes' : 'no'} onChange={(v) => setWish(v === 'yes' ? 'yes' : 'no')} label={t('consent.wish')}>
          <div style={{ display: 'grid', gap: 8, marginTop: 6 }}>
            <Radio value="no" label={t('consent.wantsNo', { channel })} data-testid="consent-no" />
            <Radio value="yes" label={t('consent.wants', { channel })} data-testid="consent-yes" />
          </div>
        </Radio.Group>
        <Textarea
          label={t('consent.how')} placeholder={t('consent.howHint')} required withAsterisk={false} autosize minRows={2} maxRows={6} maxLength={500} data-autofocus
          value={detail} onChange={(e) => setDetail(e.currentTarget.value)} data-testid="consent-detail"
        />
        <p className="mut" style={{ fontSize: 13 }}>{t(wanted ? 'consent.opens' : 'consent.shuts', { address: chosen?.value ?? '' })}</p>
        <div className="hflex" style={{ justifyContent: 'flex-end' }}>
          <Button size="sm" variant="default" onClick={close}>{t('common.cancel')}</Button>
          <Button size="sm" type="submit" color={wanted ? undefined : 'red'} loading={save.isPending} disabled={!detail.trim() || !chosen} data-testid="consent-save">
            {t(wanted ? 'consent.saveYes' : 'consent.saveNo')}
          </Button>
        </div>
      </form>
    </Modal>
  )
}
