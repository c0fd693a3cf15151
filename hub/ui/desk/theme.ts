import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core'

// Shade 8 is the accent of the whole desk; the lighter ones serve the dark theme.
const blue: MantineColorsTuple = [
  '#e7f0fb', '#d0e4f7', '#a5d3fa', '#74c0fc', '#4dabf7', '#339af0', '#228be6', '#1c7ed6', '#1864ab', '#14528c',
]

export const theme = createTheme({
  colors: { blue },
  primaryColor: 'blue',
  primaryShade: 8,
  autoContrast: true,
  fontFamily: 'system-ui, "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "DejaVu Sans Mono", monospace',
  fontSizes: { xs: '12px', sm: '14px', md: '14px', lg: '16px', xl: '20px' },
  defaultRadius: 'sm',
  radius: { xs: '4px', sm: '6px', md: '8px', lg: '10px', xl: '16px' },
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Button: { defaultProps: { size: 'xs' } },
    TextInput: { defaultProps: { size: 'sm' } },
    Tooltip: { defaultProps: { openDelay: 400, withArrow: true, events: { hover: true, focus: true, touch: false } } },
    Modal: { defaultProps: { centered: true, overlayProps: { backgroundOpacity: 0.45 } } },
    Menu: { defaultProps: { shadow: 'md', withinPortal: true } },
  },
})

export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': '#ffffff',
    '--mantine-color-text': '#212529',
    '--mantine-color-dimmed': '#5c636a',
    '--mantine-color-placeholder': '#5c636a',
    '--mantine-color-error': '#c92a2a',
    '--mantine-color-anchor': '#1864ab',
    '--mantine-color-blue-text': '#1864ab',
    '--mantine-color-blue-light-color': '#1864ab',
    '--mantine-color-default-border': '#868e96',
  },
  dark: {
    '--mantine-color-body': '#1a1b1e',
    '--mantine-color-text': '#e9ecef',
    '--mantine-color-dimmed': '#a6adb4',
    '--mantine-color-placeholder': '#a6adb4',
    '--mantine-color-error': '#ff8787',
    '--mantine-color-anchor': '#74c0fc',
    '--mantine-color-default': '#1a1b1e',
    '--mantine-color-default-hover': '#26282c',
    '--mantine-color-default-border': '#6c757d',
  },
})
