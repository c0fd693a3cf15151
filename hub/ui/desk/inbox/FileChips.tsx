import { useTranslation } from 'react-i18next'
import type { Upload } from '../api'
import { size } from '../format'
import { Icon } from '../parts/icons'

/** What is attached to an answer that is being written. */
export function FileChips({ files, uploading, inText, remove }: { files: Upload[]; uploading: number; inText: number[]; remove: (f: Upload) => void }) {
  const { t } = useTranslation()
  if (!files.length && !uploading) return null
  return (
    <div className="files" aria-live="polite">
      {files.map((f) => (
        <span className="file" key={f.id}>
          <Icon name="clip" small />
          <span dir="auto" className="cut">{f.name}</span>
          <span className="meta">{size(f.size)}</span>
          {inText.includes(f.id) && <span className="meta">{t('letter.inText')}</span>}
          <button type="button" aria-label={t('composer.removeFile', { name: f.name })} onClick={() => remove(f)}>
            <Icon name="close" small />
          </button>
        </span>
      ))}
      {uploading > 0 && <span className="meta">{t('composer.uploading')}</span>}
    </div>
  )
}
