"""What an answer claims, what the literature says to it, and how surely we know: the hallucination audit."""
