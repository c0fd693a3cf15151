import { useTranslation } from 'react-i18next'
import { useElementSize } from '@mantine/hooks'
import type { Board } from '../api'
import { clock, number } from '../format'

const HEIGHT = 200
const PAD = { left: 30, right: 4, top: 8, bottom: 22 }

/** A ceiling that reads well: 4, 8, 10, 20, 40, 50 … */
export function ceiling(max: number): number {
  if (max <= 4) return 4
  const power = 10 ** Math.floor(Math.log10(max))
  const steps = power === 1 ? [6, 8, 10] : [1, 2, 3, 4, 5, 6, 8, 10]
  return steps.map((x) => x * power).find((x) => x >= max) ?? max
}

/** Arrivals beside answers, five minutes a pair. Drawn here: two dozen bars do not need a chart library. */
export function Chart({ series }: { series: Board['series'] }) {
  const { t } = useTranslation()
  const { ref, width } = useElementSize()
  const top = ceiling(Math.max(1, ...series.flatMap((s) => [s.arrived, s.answered])))
  const inner = Math.max(100, width - PAD.left - PAD.right)
  const room = HEIGHT - PAD.top - PAD.bottom
  const y = (n: number) => PAD.top + room - (n / top) * room
  const step = inner / Math.max(1, series.length)
  const bar = Math.max(2, Math.min(14, step * 0.34))
  const total = (k: 'arrived' | 'answered') => number(series.reduce((sum, s) => sum + s[k], 0))
  return (
    <div ref={ref}>
      <div className="hflex" style={{ gap: 16, marginBottom: 4 }}>
        <span className="legend"><i style={{ background: 'var(--bar-a)' }} />{t('board.arrived')} {total('arrived')}</span>
        <span className="legend"><i style={{ background: 'var(--bar-b)' }} />{t('board.answered')} {total('answered')}</span>
      </div>
      <svg className="chart" viewBox={`0 0 ${width || 400} ${HEIGHT}`} role="img" aria-label={t('board.chartLabel', { arrived: total('arrived'), answered: total('answered') })}>
        {[0, 0.5, 1].map((f) => (
          <g key={f}>
            <line x1={PAD.left} x2={PAD.left + inner} y1={y(top * f)} y2={y(top * f)} stroke="var(--line)" />
            <text x={PAD.left - 6} y={y(top * f) + 4} textAnchor="end">{number(top * f)}</text>
          </g>
        ))}
        {series.map((s, i) => {
          const x = PAD.left + i * step + step / 2
          return (
            <g key={s.at}>
              <title>{`${clock(s.at)} · ${t('board.arrived')} ${s.arrived} · ${t('board.answered')} ${s.answered}`}</title>
              <rect x={PAD.left + i * step} y={PAD.top} width={step} height={room} fill="transparent" />
              <rect x={x - bar - 1} y={y(s.arrived)} width={bar} height={Math.max(0, room + PAD.top - y(s.arrived))} rx="2" fill="var(--bar-a)" />
              <rect x={x + 1} y={y(s.answered)} width={bar} height={Math.max(0, room + PAD.top - y(s.answered))} rx="2" fill="var(--bar-b)" />
              {i % 3 === 0 && <text x={x} y={HEIGHT - 6} textAnchor="middle">{clock(s.at)}</text>}
            </g>
          )
        })}
      </svg>
    </div>
  )
}
