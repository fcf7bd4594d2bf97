# Made by tools/make_stubs.py from the library's parameter table.
from collections.abc import Callable
from typing import Any

XFAIL: dict[str, str]

class BoostedHeadsClassifier:
    classes_: Any
    model_: Any
    n_features_in_: int
    feature_names_in_: Any
    def __init__(
        self,
        *,
        categorical: Any = None,
        sample_for_bins: int = 200000,
        memory_limit: int = 0,
        objective: str | Callable = "auto",
        scale_pos_weight: float = 1.0,
        is_unbalance: bool = False,
        quantile: float = 0.5,
        huber_delta: float = 1.0,
        fair_c: float = 1.0,
        tweedie_power: float = 1.5,
        poisson_max_delta: float = 0.7,
        boost_from_average: bool = True,
        metric: Any = None,
        learning_rate: float = 0.1,
        early_stopping_rounds: int = -1,
        valid_fraction: float = 0.0,
        max_seconds: float = 0.0,
        random_state: Any = None,
        subsample: float = 1.0,
        device: Any = "cpu",
        n_jobs: Any = None,
        units: int = 200,
        units_per_step: int = 1,
        activation: str = "logistic",
        solver: str = "lbfgs",
        solver_iterations: int = 200,
        solver_tolerance: float = 0.0,
        weight_decay: float = 0.01,
        step_length: str = "guarded",
        inputs: str = "columns",
        verbose: int = 0,
        **aliases: Any,
    ) -> None: ...
    def decision_function(self, X: Any, **arguments: Any) -> Any: ...
    @property
    def evals_result_(self) -> Any: ...
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, eval_set: Any = None, callbacks: Any = None
    ) -> Any: ...
    def predict(self, X: Any, **arguments: Any) -> Any: ...
    def predict_proba(self, X: Any, **arguments: Any) -> Any: ...
    def set_params(self, **params: Any) -> Any: ...

class BoostedHeadsRegressor:
    classes_: Any
    model_: Any
    n_features_in_: int
    feature_names_in_: Any
    def __init__(
        self,
        *,
        categorical: Any = None,
        sample_for_bins: int = 200000,
        memory_limit: int = 0,
        objective: str | Callable = "auto",
        scale_pos_weight: float = 1.0,
        is_unbalance: bool = False,
        quantile: float = 0.5,
        huber_delta: float = 1.0,
        fair_c: float = 1.0,
        tweedie_power: float = 1.5,
        poisson_max_delta: float = 0.7,
        boost_from_average: bool = True,
        metric: Any = None,
        learning_rate: float = 0.1,
        early_stopping_rounds: int = -1,
        valid_fraction: float = 0.0,
        max_seconds: float = 0.0,
        random_state: Any = None,
        subsample: float = 1.0,
        device: Any = "cpu",
        n_jobs: Any = None,
        units: int = 200,
        units_per_step: int = 1,
        activation: str = "logistic",
        solver: str = "lbfgs",
        solver_iterations: int = 200,
        solver_tolerance: float = 0.0,
        weight_decay: float = 0.01,
        step_length: str = "guarded",
        inputs: str = "columns",
        verbose: int = 0,
        **aliases: Any,
    ) -> None: ...
    @property
    def evals_result_(self) -> Any: ...
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, eval_set: Any = None, callbacks: Any = None
    ) -> Any: ...
    def predict(self, X: Any, **arguments: Any) -> Any: ...
    def set_params(self, **params: Any) -> Any: ...

class GBTClassifier:
    classes_: Any
    model_: Any
    n_features_in_: int
    feature_names_in_: Any
    def __init__(
        self,
        *,
        categorical: Any = None,
        sample_for_bins: int = 200000,
        memory_limit: int = 0,
        max_bin: int = 255,
        min_data_in_bin: int = 3,
        unseen: str = "missing",
        max_cat_to_onehot: int = 4,
        max_cat_threshold: int = 64,
        cat_smooth: float = 10.0,
        cat_l2: float = 10.0,
        min_data_per_group: int = 100,
        objective: str | Callable = "auto",
        scale_pos_weight: float = 1.0,
        is_unbalance: bool = False,
        quantile: float = 0.5,
        huber_delta: float = 1.0,
        fair_c: float = 1.0,
        tweedie_power: float = 1.5,
        poisson_max_delta: float = 0.7,
        boost_from_average: bool = True,
        metric: Any = None,
        n_trees: int = 300,
        learning_rate: float = 0.1,
        early_stopping_rounds: int = -1,
        valid_fraction: float = 0.0,
        max_seconds: float = 0.0,
        random_state: Any = None,
        grow_policy: str = "leafwise",
        max_leaves: int = 31,
        max_depth: int = 0,
        min_child_samples: int = 20,
        min_child_weight: float = 0.001,
        min_split_gain: float = 0.0,
        reg_alpha: float = 0.0,
        reg_lambda: float = 1.0,
        max_delta_step: float = 0.0,
        path_smooth: float = 0.0,
        gradient_bits: int = 0,
        gradient_rounding: str = "stochastic",
        subsample: float = 1.0,
        subsample_freq: int = 1,
        colsample_bytree: float = 1.0,
        colsample_bylevel: float = 1.0,
        colsample_bynode: float = 1.0,
        device: Any = "cpu",
        n_jobs: Any = None,
        verbose: int = 0,
        **aliases: Any,
    ) -> None: ...
    def apply(self, X: Any) -> Any: ...
    @property
    def best_round_(self) -> Any: ...
    def decision_function(self, X: Any, **arguments: Any) -> Any: ...
    @property
    def evals_result_(self) -> Any: ...
    @property
    def feature_importances_(self) -> Any: ...
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        eval_set: Any = None,
        eval_sample_weight: Any = None,
        callbacks: Any = None,
        init_model: Any = None,
    ) -> Any: ...
    @property
    def n_rounds_(self) -> Any: ...
    def predict(self, X: Any, **arguments: Any) -> Any: ...
    def predict_proba(self, X: Any, **arguments: Any) -> Any: ...
    def set_params(self, **params: Any) -> Any: ...

class GBTRegressor:
    classes_: Any
    model_: Any
    n_features_in_: int
    feature_names_in_: Any
    def __init__(
        self,
        *,
        categorical: Any = None,
        sample_for_bins: int = 200000,
        memory_limit: int = 0,
        max_bin: int = 255,
        min_data_in_bin: int = 3,
        unseen: str = "missing",
        max_cat_to_onehot: int = 4,
        max_cat_threshold: int = 64,
        cat_smooth: float = 10.0,
        cat_l2: float = 10.0,
        min_data_per_group: int = 100,
        objective: str | Callable = "auto",
        scale_pos_weight: float = 1.0,
        is_unbalance: bool = False,
        quantile: float = 0.5,
        huber_delta: float = 1.0,
        fair_c: float = 1.0,
        tweedie_power: float = 1.5,
        poisson_max_delta: float = 0.7,
        boost_from_average: bool = True,
        metric: Any = None,
        n_trees: int = 300,
        learning_rate: float = 0.1,
        early_stopping_rounds: int = -1,
        valid_fraction: float = 0.0,
        max_seconds: float = 0.0,
        random_state: Any = None,
        grow_policy: str = "leafwise",
        max_leaves: int = 31,
        max_depth: int = 0,
        min_child_samples: int = 20,
        min_child_weight: float = 0.001,
        min_split_gain: float = 0.0,
        reg_alpha: float = 0.0,
        reg_lambda: float = 1.0,
        max_delta_step: float = 0.0,
        path_smooth: float = 0.0,
        gradient_bits: int = 0,
        gradient_rounding: str = "stochastic",
        subsample: float = 1.0,
        subsample_freq: int = 1,
        colsample_bytree: float = 1.0,
        colsample_bylevel: float = 1.0,
        colsample_bynode: float = 1.0,
        device: Any = "cpu",
        n_jobs: Any = None,
        verbose: int = 0,
        **aliases: Any,
    ) -> None: ...
    def apply(self, X: Any) -> Any: ...
    @property
    def best_round_(self) -> Any: ...
    @property
    def evals_result_(self) -> Any: ...
    @property
    def feature_importances_(self) -> Any: ...
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        eval_set: Any = None,
        eval_sample_weight: Any = None,
        callbacks: Any = None,
        init_model: Any = None,
    ) -> Any: ...
    @property
    def n_rounds_(self) -> Any: ...
    def predict(self, X: Any, **arguments: Any) -> Any: ...
    def set_params(self, **params: Any) -> Any: ...

class MultiTaskClassifier:
    classes_: Any
    model_: Any
    n_features_in_: int
    feature_names_in_: Any
    def __init__(
        self,
        *,
        categorical: Any = None,
        sample_for_bins: int = 200000,
        memory_limit: int = 0,
        max_bin: int = 255,
        min_data_in_bin: int = 3,
        unseen: str = "missing",
        max_cat_to_onehot: int = 4,
        max_cat_threshold: int = 64,
        cat_smooth: float = 10.0,
        cat_l2: float = 10.0,
        min_data_per_group: int = 100,
        objective: str | Callable = "auto",
        scale_pos_weight: float = 1.0,
        is_unbalance: bool = False,
        quantile: float = 0.5,
        huber_delta: float = 1.0,
        fair_c: float = 1.0,
        tweedie_power: float = 1.5,
        poisson_max_delta: float = 0.7,
        boost_from_average: bool = True,
        metric: Any = None,
        learning_rate: float = 0.1,
        early_stopping_rounds: int = -1,
        valid_fraction: float = 0.0,
        max_seconds: float = 0.0,
        random_state: Any = None,
        grow_policy: str = "leafwise",
        max_leaves: int = 31,
        max_depth: int = 0,
        min_child_samples: int = 20,
        min_child_weight: float = 0.001,
        min_split_gain: float = 0.0,
        reg_alpha: float = 0.0,
        reg_lambda: float = 1.0,
        max_delta_step: float = 0.0,
        path_smooth: float = 0.0,
        gradient_bits: int = 0,
        gradient_rounding: str = "stochastic",
        subsample: float = 1.0,
        subsample_freq: int = 1,
        colsample_bytree: float = 1.0,
        colsample_bylevel: float = 1.0,
        colsample_bynode: float = 1.0,
        device: Any = "cpu",
        n_jobs: Any = None,
        mode: str = "robust",
        n_trees_shared: int = 100,
        n_trees_robust: int = 50,
        n_trees_task: int = 50,
        leaf_estimation: str = "newton",
        theta_learning_rate: float = 0.0,
        theta_step: str = "newton",
        theta_scale: float = 0.1,
        theta_l2: float = 1.0,
        max_clusters: int = 20,
        cluster_trees: int = 50,
        cluster_folds: int = 5,
        task_column: Any = None,
        verbose: int = 0,
        **aliases: Any,
    ) -> None: ...
    def decision_function(self, X: Any, **arguments: Any) -> Any: ...
    @property
    def evals_result_(self) -> Any: ...
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        task: Any = None,
        eval_set: Any = None,
        callbacks: Any = None,
    ) -> Any: ...
    def predict(self, X: Any, **arguments: Any) -> Any: ...
    def predict_proba(self, X: Any, **arguments: Any) -> Any: ...
    def set_params(self, **params: Any) -> Any: ...
    @property
    def tasks_(self) -> Any: ...

class MultiTaskRegressor:
    classes_: Any
    model_: Any
    n_features_in_: int
    feature_names_in_: Any
    def __init__(
        self,
        *,
        categorical: Any = None,
        sample_for_bins: int = 200000,
        memory_limit: int = 0,
        max_bin: int = 255,
        min_data_in_bin: int = 3,
        unseen: str = "missing",
        max_cat_to_onehot: int = 4,
        max_cat_threshold: int = 64,
        cat_smooth: float = 10.0,
        cat_l2: float = 10.0,
        min_data_per_group: int = 100,
        objective: str | Callable = "auto",
        scale_pos_weight: float = 1.0,
        is_unbalance: bool = False,
        quantile: float = 0.5,
        huber_delta: float = 1.0,
        fair_c: float = 1.0,
        tweedie_power: float = 1.5,
        poisson_max_delta: float = 0.7,
        boost_from_average: bool = True,
        metric: Any = None,
        learning_rate: float = 0.1,
        early_stopping_rounds: int = -1,
        valid_fraction: float = 0.0,
        max_seconds: float = 0.0,
        random_state: Any = None,
        grow_policy: str = "leafwise",
        max_leaves: int = 31,
        max_depth: int = 0,
        min_child_samples: int = 20,
        min_child_weight: float = 0.001,
        min_split_gain: float = 0.0,
        reg_alpha: float = 0.0,
        reg_lambda: float = 1.0,
        max_delta_step: float = 0.0,
        path_smooth: float = 0.0,
        gradient_bits: int = 0,
        gradient_rounding: str = "stochastic",
        subsample: float = 1.0,
        subsample_freq: int = 1,
        colsample_bytree: float = 1.0,
        colsample_bylevel: float = 1.0,
        colsample_bynode: float = 1.0,
        device: Any = "cpu",
        n_jobs: Any = None,
        mode: str = "robust",
        n_trees_shared: int = 100,
        n_trees_robust: int = 50,
        n_trees_task: int = 50,
        leaf_estimation: str = "newton",
        theta_learning_rate: float = 0.0,
        theta_step: str = "newton",
        theta_scale: float = 0.1,
        theta_l2: float = 1.0,
        max_clusters: int = 20,
        cluster_trees: int = 50,
        cluster_folds: int = 5,
        task_column: Any = None,
        verbose: int = 0,
        **aliases: Any,
    ) -> None: ...
    @property
    def evals_result_(self) -> Any: ...
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        task: Any = None,
        eval_set: Any = None,
        callbacks: Any = None,
    ) -> Any: ...
    def predict(self, X: Any, **arguments: Any) -> Any: ...
    def set_params(self, **params: Any) -> Any: ...
    @property
    def tasks_(self) -> Any: ...
