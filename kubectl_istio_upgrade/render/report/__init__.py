"""The upgrade log in three forms: text, data, and one self-contained page.

`content` decides what is said and in which order, once, as a `document`; `text` and `page` only draw it.
"""
