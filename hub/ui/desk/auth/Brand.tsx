import { useTranslation } from 'react-i18next'
import { LANGUAGES, speak } from '../i18n'
import mark from '../icon.svg'

export function Brand({ name }: { name?: string }) {
  return (
    <div className="brand">
      <img src={mark} width="32" height="32" alt="" />
      <span>{name ?? 'Hub'}</span>
    </div>
  )
}

export function LanguageLinks() {
  const { i18n, t } = useTranslation()
  return (
    <div className="hflex" role="group" aria-label={t('profile.language')} style={{ justifyContent: 'center' }}>
      {LANGUAGES.map((l) => (
        <button
          key={l.value} type="button" lang={l.value} className="linklike" aria-pressed={i18n.language === l.value}
          onClick={() => speak(l.value)}
        >
          {l.label}
        </button>
      ))}
    </div>
  )
}
