"""From tracks and observations to people with a history, and to the events of their visits.

Pure arithmetic: no pixels, no clock, no I/O. `scene` is the floor, `visit` one person's stay,
`portrait` what is shown of them; each kind of event has its rule in a module of its own:
`presence` (appearance, disappearance), `emotion`, `focus`, `direction`, `demographics` (age,
gender). A rule finds, from evidence alone, what is the case and how probable that is; `reporting`
then compares with the sensitivity. So no sensitivity ever changes what a rule finds.
"""
