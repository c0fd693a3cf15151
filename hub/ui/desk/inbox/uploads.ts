import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, Problem, type Upload } from '../api'
import { size } from '../format'
import { complain } from '../parts/ask'

/** The files of a text that is being written, and how many are on their way; `add` takes more, each of at most `most` bytes. */
export function useUploads() {
  const { t } = useTranslation()
  const [files, setFiles] = useState<Upload[]>([])
  const [uploading, setUploading] = useState(0)
  const add = async (list: Iterable<File>, most: number | undefined, then: (stored: Upload, file: File) => void) => {
    for (const file of list) {
      setUploading((n) => n + 1)
      try {
        if (most !== undefined && file.size > most) throw new Problem(413, '', t('letter.tooLarge', { name: file.name, size: size(most) }))
        const stored = await api.upload(file)
        setFiles((old) => [...old, stored])
        then(stored, file)
      } catch (e) {
        complain(e)
      }
      setUploading((n) => n - 1)
    }
  }
  return { files, setFiles, uploading, add }
}
