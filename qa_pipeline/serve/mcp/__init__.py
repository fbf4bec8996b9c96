"""An assistant's tools by the Model Context Protocol: `tools`, what they give (`results`), their streams (`stdio`)."""
