"""From a prompt to a model: ten stages that wire public functions of the rooms above. Knows no page and no command.

`prompt2model.Prompt2Model` runs them, `stage` says what one is, `engine` decides which have to be made again.
"""
