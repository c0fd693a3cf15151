/** The words of leaving the desk, which come with its question. */
import i18n from 'i18next'
import en from '../../locales/leaving.en.json'
import zh from '../../locales/leaving.zh-CN.json'

i18n.addResourceBundle('en', 'translation', en)
i18n.addResourceBundle('zh-CN', 'translation', zh)
