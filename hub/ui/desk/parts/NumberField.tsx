import { NumberInput, type NumberInputProps } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import '../../api/field-words'
import { amiss, read } from './numbers'

interface Props extends Omit<NumberInputProps, 'value' | 'onChange' | 'min' | 'max'> {
  /** NaN while what is typed is no number. */
  value: number
  min: number
  max: number
  onChange: (value: number) => void
}

/** A whole number as it was typed: what does not fit is said in words and keeps its form from being sent, never changed. */
export function NumberField({ value, min, max, onChange, error, ...rest }: Props) {
  const { t } = useTranslation()
  const box = useRef<HTMLInputElement>(null)
  const [typed, setTyped] = useState<number | string>(value)
  const [code, bounds] = amiss(value, min, max) ?? ['', {}]
  const words = code && t(`field.${code}`, bounds)
  useEffect(() => box.current?.setCustomValidity(words), [words])
  return (
    <NumberInput
      {...rest} ref={box} clampBehavior="none" min={min} max={max} error={words || error}
      value={Object.is(read(typed), value) ? typed : Number.isNaN(value) ? '' : value}
      onChange={(next) => {
        setTyped(next)
        onChange(read(next))
      }}
    />
  )
}
