/** What there is room for; desk.css draws the same lines. */
import { useMediaQuery } from '@mantine/hooks'

/** A telephone held upright, or one whose keyboard leaves a strip: the answer is one line until more is asked for. */
const COMPACT = '(max-width: 599.9px), (max-height: 299.9px)'

export const useCompact = (): boolean => useMediaQuery(COMPACT, matchMedia(COMPACT).matches, { getInitialValueInEffect: false })
