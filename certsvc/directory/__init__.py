"""Who an authority's own directory says one is: OpenID Connect. Not here: whose account it is (`services.staff`)."""
