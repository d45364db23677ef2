"""What dialects share: tags, boxed answers, document lists, turn cutting."""
