/** The words for what is wrong with a field (`hub/core/field_errors.py`), which come when the hub first refuses one. */
import i18n from 'i18next'
import en from '../locales/fields.en.json'
import zh from '../locales/fields.zh-CN.json'

i18n.addResourceBundle('en', 'translation', en)
i18n.addResourceBundle('zh-CN', 'translation', zh)
