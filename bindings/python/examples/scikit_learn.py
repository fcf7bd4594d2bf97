"""The estimators in a pipeline and a search; says so and ends where scikit-learn is missing."""

import sys

import gbt
import numpy as np

try:
    from sklearn.model_selection import GridSearchCV, train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
except ImportError:
    print("scikit-learn is not installed")
    sys.exit()

rng = np.random.default_rng(6)
X = rng.normal(size=(1500, 6))
y = np.array(["low", "high"])[(X[:, 0] * X[:, 1] > 0).astype(int)]
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

pipeline = make_pipeline(StandardScaler(), gbt.GBTClassifier(n_trees=60))
search = GridSearchCV(pipeline, {"gbtclassifier__learning_rate": [0.05, 0.2]}, cv=3)
search.fit(X_train, y_train)
print(search.best_params_, f"right: {search.score(X_test, y_test):.3f}")
assert search.score(X_test, y_test) > 0.85

model = gbt.GBTClassifier(n_trees=500, early_stopping_rounds=10)
model.fit(X_train, y_train, eval_set=(X_test, y_test))
print("best round", model.best_round_, "importances", model.feature_importances_.round(2))
