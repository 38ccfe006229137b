"""Who is together and what each may do: the orchestrator's side. Reaches media only through the ``Sfu`` interface."""
